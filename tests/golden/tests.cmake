# Repositories that holdfast wrote are read by scripts/rescue, which knows only docs/format.md; and
# the golden repositories, one of every released format, are read by both, forever.
add_executable(make_repo ${CMAKE_CURRENT_SOURCE_DIR}/golden/make_repo.c)
target_link_libraries(make_repo PRIVATE hf_storage hf_base)

function(hf_format_test name)
  add_test(NAME format-${name} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/golden/${ARGN})
  set_tests_properties(format-${name} PROPERTIES LABELS format TIMEOUT 300
    SKIP_RETURN_CODE ${skip} ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endfunction()

hf_format_test(rescue test_rescue.py $<TARGET_FILE:make_repo>)
file(GLOB goldens RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/golden
  ${CMAKE_CURRENT_SOURCE_DIR}/golden/format-*)
foreach(golden ${goldens})
  hf_format_test(golden-${golden} test_golden.py $<TARGET_FILE:make_repo> ${golden})
endforeach()
